"""CGVAE: encoder, prior and decoder of the conditional variational auto-encoder."""
