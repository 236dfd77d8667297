"""What follows: the pure fold from accepted events to the rows of the books."""
