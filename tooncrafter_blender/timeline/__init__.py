"""What the artist has drawn, as this add-on reads it: keys, guides and timing charts of Grease Pencil objects."""
