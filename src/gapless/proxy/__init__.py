"""The application in another process, asked over HTTP."""
