"""Finding a topic among thousands: favourites, what is known of each, and the page of all of them."""
