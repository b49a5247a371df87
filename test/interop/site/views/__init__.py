"""The site's pages: JSON in, JSON out."""
