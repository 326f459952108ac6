"""Images without a container engine: layers are tar files named by content, an image is a short list of them."""
