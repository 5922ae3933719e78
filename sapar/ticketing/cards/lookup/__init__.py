"""A holder looks a card up by its number and a PIN; nobody learns a number from what is kept."""
