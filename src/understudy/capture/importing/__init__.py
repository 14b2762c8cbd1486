"""What people recorded elsewhere becomes sessions of a workspace."""
