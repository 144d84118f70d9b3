"""Published models by name, registered with smp and timm."""
