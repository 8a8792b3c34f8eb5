"""Moving frames: between a session and whatever carries its bytes."""
