"""What the product is measured against: each small, and written as its own documentation would write it."""
