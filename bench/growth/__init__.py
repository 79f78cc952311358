"""How cost grows: with the routes of the table, and with the incidents that are stored."""
