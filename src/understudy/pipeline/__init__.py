"""What puts the floors below together: checking a whole workspace, and the demonstration."""
