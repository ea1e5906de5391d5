//! The operations of a bucket.

use std::ops::Not;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CopyPartResult,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsV2Input,
    ListObjectsV2Output, MultipartUpload, PutObjectInput, PutObjectOutput, StorageClass, StreamingBlob,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::sync::Mutex;

use crate::classes::Classes;
use crate::faults::{Fault, Faults, Request};
use crate::uploads::Uploads;

/// The objects of `s3s-fs`, with what that leaves out.
#[derive(Debug)]
pub(crate) struct Objects {
    inner: FileSystem,
    /// The only bucket there is. `s3s-fs` would make others when they are written to.
    bucket: &'static str,
    uploads: Arc<Mutex<Uploads>>,
    /// Held by who looks whether an object is there and then writes it.
    writing: Mutex<()>,
    faults: Arc<Faults>,
    min_part: usize,
    classes: Arc<Classes>,
}

/// What the server looks at as well.
pub(crate) struct Shared {
    pub(crate) faults: Arc<Faults>,
    pub(crate) classes: Arc<Classes>,
    pub(crate) uploads: Arc<Mutex<Uploads>>,
}

impl Objects {
    pub(crate) fn new(inner: FileSystem, bucket: &'static str, shared: Shared, min_part: usize) -> Self {
        let Shared { faults, classes, uploads } = shared;
        Self { inner, bucket, uploads, writing: Mutex::new(()), faults, min_part, classes }
    }

    /// A fault before anything is done.
    fn begin(&self, request: Request) -> S3Result<Option<Fault>> {
        match self.faults.next(request) {
            Some(Fault::Busy) => Err(s3_error!(SlowDown)),
            Some(Fault::Full) => {
                let code = S3ErrorCode::Custom("QuotaExceeded".into());
                Err(S3Error::with_message(code, "no space is left"))
            }
            other => Ok(other),
        }
    }

    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.bucket { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    async fn write(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        if self.faults.ignores_conditions() {
            request.input.if_none_match = None;
        }
        let _alone = self.writing.lock().await;
        self.inner.put_object(request).await
    }

    /// All of an object, or a range of it in HTTP's words.
    async fn read(&self, request: &S3Request<UploadPartCopyInput>) -> S3Result<Bytes> {
        let s3s::dto::CopySource::Bucket { bucket, key, .. } = &request.input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        let input = GetObjectInput::builder().bucket(bucket.to_string()).key(key.to_string());
        let input = input.build().map_err(|error| s3_error!(error, InvalidRequest))?;
        let answer = self.inner.get_object(request.clone().map_input(|_| input)).await?;
        let all = gather(answer.output.body).await?;
        let Some(range) = &request.input.copy_source_range else { return Ok(all) };
        let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        let bounds =
            bounds.and_then(|(first, last)| Some((first.parse().ok()?, last.parse::<usize>().ok()?)));
        let Some((first, last)) = bounds.filter(|(first, last)| first <= last && *last < all.len()) else {
            return Err(s3_error!(InvalidRange));
        };
        Ok(all.slice(first..=last))
    }
}

/// A body in memory: what does not come whole changes nothing.
async fn gather(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut all = BytesMut::new();
    let Some(mut body) = body else { return Ok(Bytes::new()) };
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk.map_err(|_broken| s3_error!(IncompleteBody))?);
    }
    Ok(all.freeze())
}

/// Bytes that are on their way before the answer breaks off: the server sends what it has when it must wait.
fn cut(first: Bytes) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Sync {
    let broken = stream::once(async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Err(std::io::Error::other("cut on request"))
    });
    stream::iter([Ok(first)]).chain(broken)
}

fn blob(bytes: Bytes) -> StreamingBlob {
    StreamingBlob::from(s3s::Body::from(bytes))
}

fn lost<T>(fault: Option<Fault>, answer: T) -> S3Result<T> {
    if fault == Some(Fault::Lost) { Err(s3_error!(InternalError)) } else { Ok(answer) }
}

#[async_trait]
impl S3 for Objects {
    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let class = self.classes.get(&request.input.key).map(StorageClass::from);
        let mut answer = self.inner.head_object(request).await?;
        answer.output.storage_class = class;
        Ok(answer)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.inner.list_objects_v2(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.inner.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.begin(Request::DeleteMany)?;
        if self.faults.deletes_one_by_one() {
            return Err(s3_error!(NotImplemented));
        }
        self.inner.delete_objects(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let fault = self.begin(Request::Get)?;
        let mut answer = self.inner.get_object(request).await?;
        if let Some(Fault::Cut(at)) = fault {
            let first = gather(answer.output.body.take()).await?;
            let first = first.slice(..at.min(first.len()));
            answer.output.body = Some(StreamingBlob::wrap(cut(first)));
        }
        Ok(answer)
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let fault = self.begin(Request::Put)?;
        self.faults.count_checksum(request.headers.keys());
        self.check_bucket(&request.input.bucket)?;
        let body = gather(request.input.body.take()).await?;
        request.input.body = Some(blob(body));
        lost(fault, self.write(request).await?)
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let _alone = self.writing.lock().await;
        let input = &request.input;
        if let s3s::dto::CopySource::Bucket { key, .. } = &input.copy_source
            && **key == *input.key
            && let Some(class) = &input.storage_class
        {
            // Onto itself: `s3s-fs` would empty it.
            let head = HeadObjectInput::builder().bucket(input.bucket.clone()).key(input.key.clone()).build();
            let head = head.map_err(|error| s3_error!(error, InvalidRequest))?;
            let (key, class) = (input.key.clone(), class.as_str().to_owned());
            self.inner.head_object(request.map_input(|_| head)).await?;
            self.classes.set(&key, &class);
            return Ok(S3Response::new(CopyObjectOutput::default()));
        }
        if request.headers.contains_key("if-none-match") && !self.faults.ignores_conditions() {
            let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
            let target = HeadObjectInput::builder().bucket(bucket).key(key).build();
            let target = target.map_err(|error| s3_error!(error, InvalidRequest))?;
            if self.inner.head_object(request.clone().map_input(|_| target)).await.is_ok() {
                return Err(s3_error!(PreconditionFailed));
            }
        }
        self.inner.copy_object(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let id = self.uploads.lock().await.begin(
            input.bucket.clone(),
            input.key.clone(),
            input.metadata,
            input.storage_class,
        );
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let fault = self.begin(Request::Part)?;
        self.faults.count_checksum(request.headers.keys());
        let mut input = request.input;
        let bytes = gather(input.body.take()).await?;
        let mut uploads = self.uploads.lock().await;
        let upload = uploads.find(&input.bucket, &input.key, &input.upload_id)?;
        let tag = upload.store(input.part_number, bytes)?;
        lost(fault, S3Response::new(UploadPartOutput { e_tag: Some(tag), ..Default::default() }))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let bytes = self.read(&request).await?;
        let input = request.input;
        let mut uploads = self.uploads.lock().await;
        let upload = uploads.find(&input.bucket, &input.key, &input.upload_id)?;
        let tag = upload.store(input.part_number, bytes)?;
        let result = CopyPartResult { e_tag: Some(tag), ..Default::default() };
        Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let fault = self.begin(Request::Complete)?;
        let input = request.input.clone();
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let (joined, metadata, class) = {
            let mut uploads = self.uploads.lock().await;
            let upload = uploads.find(&input.bucket, &input.key, &input.upload_id)?;
            (upload.join(&named, self.min_part)?, upload.metadata.clone(), upload.class.clone())
        };
        let put = PutObjectInput {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            body: Some(blob(joined)),
            metadata,
            if_none_match: input.if_none_match.filter(|_| !self.faults.ignores_conditions_of_uploads()),
            ..Default::default()
        };
        let put = self.write(request.map_input(|_| put)).await?;
        self.uploads.lock().await.remove(&input.upload_id);
        if let Some(class) = class {
            self.classes.set(&input.key, class.as_str());
        }
        lost(
            fault,
            S3Response::new(CompleteMultipartUploadOutput {
                bucket: Some(input.bucket),
                key: Some(input.key),
                e_tag: put.output.e_tag,
                ..Default::default()
            }),
        )
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let fault = self.begin(Request::Abort)?;
        let input = request.input;
        let mut uploads = self.uploads.lock().await;
        uploads.find(&input.bucket, &input.key, &input.upload_id)?;
        uploads.remove(&input.upload_id);
        lost(fault, S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        // One a page, so that clients turn pages.
        let input = request.input;
        let marker = (input.key_marker.unwrap_or_default(), input.upload_id_marker.unwrap_or_default());
        let all = self.uploads.lock().await.list(&input.bucket, input.prefix.as_deref().unwrap_or_default());
        let mut rest = all.into_iter().filter(|upload| *upload > marker);
        let (next, more) = (rest.next(), rest.next().is_some());
        let upload = |(key, id): (String, String)| MultipartUpload {
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        };
        Ok(S3Response::new(ListMultipartUploadsOutput {
            is_truncated: Some(more),
            next_key_marker: next.as_ref().filter(|_| more).map(|(key, _)| key.clone()),
            next_upload_id_marker: next.as_ref().filter(|_| more).map(|(_, id)| id.clone()),
            uploads: next.is_none().not().then(|| next.into_iter().map(upload).collect()),
            ..Default::default()
        }))
    }
}
