"""One client of the Centrifuge doors."""
