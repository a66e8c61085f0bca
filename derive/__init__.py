"""derive: proves handwritten derivations for every dimension, or shows the numbers for which they fail."""
