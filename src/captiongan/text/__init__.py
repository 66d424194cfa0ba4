"""Text encoders: from a sentence to one embedding vector."""
