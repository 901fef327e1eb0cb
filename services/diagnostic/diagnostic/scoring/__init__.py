"""From a packed sheet to figures: scores, band and gaps of a full form, points of an express one, peers."""
