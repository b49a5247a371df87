"""The Django side of the interop tests: one line of JSON in, one line of JSON out.

A line in is {"operation": name, "secret": text, "fallbacks": [text], ...arguments}. A line out is {"result": ...} or
{"error": traceback}.
"""

import json
import sys
import traceback

import site_settings

site_settings.configure()

import auth  # noqa: E402  Django wants its settings first.
import compressors  # noqa: E402
import cookie_engine  # noqa: E402
import csrf  # noqa: E402
import file_engine  # noqa: E402
import logins  # noqa: E402
import messages  # noqa: E402
import records  # noqa: E402
import redis_layout  # noqa: E402
import vectors  # noqa: E402
from django.test.utils import override_settings  # noqa: E402

OPERATIONS = {
    "decode": records.decode,
    "decodeEntry": records.decode_entry,
    "make": records.make,
    "makeEntry": records.make_entry,
    "makeWithDuplicates": records.make_with_duplicates,
    "payload": records.payload,
    "expiry": records.expiry,
    "withExpiry": records.with_expiry,
    "vectors": vectors.all_vectors,
    "loads": vectors.loads,
    "base62": vectors.base62,
    "login": logins.login,
    "currentUser": logins.current_user,
    "redisWrite": redis_layout.write,
    "redisRead": redis_layout.read,
    "cookieSave": cookie_engine.save,
    "cookieLoad": cookie_engine.load,
    "fileSave": file_engine.save,
    "fileLoad": file_engine.load,
    "fileDelete": file_engine.delete,
    "fileClear": file_engine.clear,
    "authGetUser": auth.get_user,
    "authLogin": auth.login,
    "authLogout": auth.logout,
    "authUpdateHash": auth.update_session_auth_hash,
    "csrfToken": csrf.token,
    "csrfIsAccepted": csrf.is_accepted,
    "csrfLogin": csrf.login,
    "csrfRotate": csrf.rotate,
    "messagesAdd": messages.add,
    "messagesTake": messages.take,
    "messagesNested": messages.nested,
    "messagesText": messages.text,
    "compress": compressors.compress,
    "decompress": compressors.decompress,
}


def answer(line):
    request = json.loads(line)
    operation = OPERATIONS[request.pop("operation")]
    secrets = {
        "SECRET_KEY": request.pop("secret"),
        "SECRET_KEY_FALLBACKS": request.pop("fallbacks"),
    }
    with override_settings(**secrets):
        return operation(**request)


def main():
    for line in sys.stdin:
        try:
            response = {"result": answer(line)}
        except Exception:
            response = {"error": traceback.format_exc()}
        print(json.dumps(response), flush=True)


main()
