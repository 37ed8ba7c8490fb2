"How the method is made fast; nothing here knows of networks, layers or entropies"
