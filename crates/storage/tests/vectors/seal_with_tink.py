"""Encrypts with Tink what the tests of `veza_storage::crypt` must decrypt, and encrypt to the same bytes.

    python3 -m venv v && v/bin/pip install tink==1.16.1 && v/bin/python seal_with_tink.py > tink.json
"""

import hashlib
import io
import json
import sys
import uuid

import tink
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

SEGMENT = 64 * 1024
FIRST = SEGMENT - 40 - 16
OTHER = SEGMENT - 16


class Kept(io.BytesIO):
    """Tink closes what it writes to."""

    def close(self):
        self.written = self.getvalue()
        super().close()


def primitive(secret):
    params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=SEGMENT,
        derived_key_size=32,
        hkdf_hash_type=common_pb2.SHA256,
    )
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, params=params, key_value=secret)
    data = tink_pb2.KeyData(
        type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
        value=key.SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    entry = tink_pb2.Keyset.Key(
        key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW
    )
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[entry])
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


def vector(number, length):
    secret = hashlib.sha256(b"key %d" % number).digest()
    tenant = uuid.UUID(bytes=hashlib.sha256(b"tenant %d" % number).digest()[:16])
    blob = uuid.UUID(bytes=hashlib.sha256(b"blob %d" % number).digest()[:16])
    associated = tenant.bytes + blob.bytes + (number + 1).to_bytes(2, "big")
    plain = bytes((at * 31 + (at >> 8) * 7 + number) & 0xFF for at in range(length))
    sink = Kept()
    with primitive(secret).new_encrypting_stream(sink, associated) as stream:
        stream.write(plain)
    sealed = sink.written
    back = primitive(secret).new_decrypting_stream(io.BytesIO(sealed), associated).read()
    assert back == plain
    return {
        "key": secret.hex(),
        "tenant": str(tenant),
        "blob": str(blob),
        "part": number + 1,
        "seed": number,
        "len": length,
        "header": sealed[:40].hex(),
        "sealed_len": len(sealed),
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
        "sealed": sealed.hex() if length < 100 else None,
    }


if __name__ == "__main__":
    streaming_aead.register()
    lengths = [0, 1, 64, FIRST - 1, FIRST, FIRST + 1, FIRST + OTHER, FIRST + OTHER + 1, 1_000_003]
    json.dump([vector(*pair) for pair in enumerate(lengths)], sys.stdout, indent=1)
    print()
