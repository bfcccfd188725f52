"""Seal: passwords become HA1 hashes (RFC 7616 §3.4.2) before anything is stored."""

from __future__ import annotations

from typing import Final

from pbx.schema.tenant import Device, Extension, Ha1, TenantSettings
from sip.digest import ha1

# Kept for every device, so that a tenant may change its algorithms among them without new passwords.
ALWAYS: Final = ("MD5", "SHA-256")


def user_forms(tenant: str, extension: Extension, device: Device) -> tuple[str, ...]:
    """Digest user names that a device answers to: its own, the one for shared hosts, its `auth_user`."""
    name = device.username or extension.number
    return tuple(dict.fromkeys((name, f"{tenant}-{name}", device.auth_user or name)))


def algorithms_of(tenant: TenantSettings, device: Device) -> tuple[str, ...]:
    """Digest algorithms in force for a device."""
    return device.digest_algorithms or tenant.digest_algorithms


def seal(tenant: TenantSettings, extension: Extension) -> Extension:
    """The extension with hashes where passwords were; the same one where there are none."""
    if all(device.password is None for device in extension.devices):
        return extension
    return extension.model_copy(
        update={"devices": tuple(_sealed(tenant, extension, device) for device in extension.devices)}
    )


def keep(extension: Extension, known: Extension) -> Extension:
    """The extension with the hashes of `known` for devices of the same name that give no secret of their own."""
    hashes = {device.username or known.number: device.ha1 for device in known.devices}
    devices = tuple(
        device.model_copy(update={"ha1": hashes.get(device.username or extension.number)})
        if device.password is None and device.ha1 is None
        else device
        for device in extension.devices
    )
    return extension.model_copy(update={"devices": devices})


def _sealed(tenant: TenantSettings, extension: Extension, device: Device) -> Device:
    if device.password is None:
        return device
    algorithms = sorted({*ALWAYS, *algorithms_of(tenant, device)})
    users = {
        user: {name: ha1(user, tenant.domain, device.password, name) for name in algorithms}
        for user in user_forms(tenant.key, extension, device)
    }
    return device.model_copy(update={"password": None, "ha1": Ha1.model_construct(realm=tenant.domain, users=users)})
