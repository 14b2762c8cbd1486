"""What is shipped: merging, converting, checking, packing and serving a trained model."""
