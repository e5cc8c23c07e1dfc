"""Keep the champion served: a front with a fixed address, scoring servers that come and go."""
