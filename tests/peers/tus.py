"""Uploads with tuspy: whole, in chunks with checksums, and broken off and resumed."""

import io
import sys

from tusclient import client

url, token = sys.argv[1:3]
tus = client.TusClient(url, headers={"Authorization": f"Bearer {token}"})
data = bytes(i % 251 for i in range(100_000))


def upload(key, **options):
    return tus.uploader(file_stream=io.BytesIO(data), metadata={"filename": key}, **options)


upload("py/whole").upload()
upload("py/chunks", chunk_size=30_000, upload_checksum=True).upload()
half = upload("py/resumed", chunk_size=40_000)
half.upload_chunk()
upload("py/resumed", chunk_size=40_000, url=half.url).upload()
print("done")
