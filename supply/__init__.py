"""The supply chain: what is deployed, locked by digest, listed and licensed."""
