"""What the proxy benchmark puts around a proxy: an upstream, a load, and two bare relays."""
