// Uploads with tus-js-client: whole, in chunks, broken off and resumed, in parallel, with a deferred length; and terminates one.
const tus = require('tus-js-client');
const { Readable } = require('stream');
const [url, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const bytes = (n) => Buffer.from(Array.from({ length: n }, (_, i) => i % 251));
function run(source, options) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(source, { endpoint: url, headers, retryDelays: null, onError: reject, onSuccess: () => resolve(upload), ...options });
    upload.start();
  });
}
(async () => {
  await run(bytes(100000), { metadata: { filename: 'js/whole', filetype: 'image/x-test' } });
  await run(bytes(100000), { metadata: { filename: 'js/chunks' }, chunkSize: 30000 });
  await run(bytes(100000), { metadata: { filename: 'js/creation' }, uploadDataDuringCreation: true, chunkSize: 40000 });
  await run(bytes(100000), { metadata: { filename: 'js/parallel', filetype: 'image/x-test' }, parallelUploads: 4 });
  await run(Readable.from([bytes(100000).subarray(0, 60000), bytes(100000).subarray(60000)]), { metadata: { filename: 'js/deferred' }, uploadLengthDeferred: true, chunkSize: 25000 });
  await run(bytes(0), { metadata: { filename: 'js/empty' } });
  await run(bytes(1000), { metadata: { filename: 'js/override' }, overridePatchMethod: true });
  // Broken off in the middle, and resumed by another client.
  let half;
  await new Promise((resolve, reject) => {
    half = new tus.Upload(bytes(100000), { endpoint: url, headers, chunkSize: 30000, metadata: { filename: 'js/resumed' }, onError: reject,
      onChunkComplete: (_, accepted) => { if (accepted >= 60000) { half.abort().then(resolve, reject); } } });
    half.start();
  });
  await run(bytes(100000), { uploadUrl: half.url });
  // Terminated.
  let gone;
  await new Promise((resolve, reject) => {
    gone = new tus.Upload(bytes(100000), { endpoint: url, headers, chunkSize: 30000, metadata: { filename: 'js/gone' }, onError: reject,
      onChunkComplete: () => { gone.abort(true).then(resolve, reject); } });
    gone.start();
  });
  const head = await fetch(gone.url, { method: 'HEAD', headers: { ...headers, 'Tus-Resumable': '1.0.0' } });
  if (head.status !== 404) throw new Error(`terminated and still ${head.status}`);
  console.log('done');
})().catch((error) => { console.error(error); process.exit(1); });
