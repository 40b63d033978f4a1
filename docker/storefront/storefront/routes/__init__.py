"""The shop's addresses. None begins with one of Medusa's: /app /admin /auth /store /static /health."""
