"""Rule packs over text, and whether an authority covers a use."""
