"""LoRA weights by name: the registry of their versions, what a node has loaded, and the commands for both."""
