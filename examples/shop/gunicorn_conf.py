"""How gunicorn serves the stock."""

threads = 8
control_socket_disable = True  # it would be made in the home directory (gunicorn 24 and newer)
