"""Speech: what is said to people, by which prompts, and the engines that speak them."""
