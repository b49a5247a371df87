"""Serves the site on a free port of the loopback address until its standard input ends.

Arguments: the name and the password of the user that it has. Prints its address when it can be visited.
"""

import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django

try:
    import pymysql
except ImportError:
    pass
else:
    # Django looks for mysqlclient, whose build needs a compiler, and for this version of it at least.
    pymysql.version_info = (2, 2, 1, "final", 0)
    pymysql.install_as_MySQLdb()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(WSGIRequestHandler):
    def log_message(self, format, *args):
        """Django logs what fails; the rest is no news."""


def prepare(name, password):
    """Makes the tables, and the user unless an earlier site on the same database has."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    if not users.filter(username=name).exists():
        users.create_user(name, password=password)


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    prepare(*sys.argv[1:])
    from django.core.wsgi import get_wsgi_application

    server = Server(("127.0.0.1", 0), Handler)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


main()
