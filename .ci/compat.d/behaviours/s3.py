"""S3: objects."""

import hashlib
import pathlib
import tempfile

from table import aws, behaviour, refusal


def bucket(world):
    name = world.name("-bucket")
    world.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": world.s3.meta.region_name})
    return name


def put(world, name, *keys, body=b"hello", **more):
    return [world.s3.put_object(Bucket=name, Key=key, Body=body, **more) for key in keys]


@behaviour("s3/an object comes back with its digest, type and metadata", "hello, ETag is the MD5, text/plain, fleet=west")
def _(world):
    name = bucket(world)
    put(world, name, "a b+c/ü.txt", ContentType="text/plain", Metadata={"fleet": "west"})
    out = world.s3.get_object(Bucket=name, Key="a b+c/ü.txt")
    etag = "ETag is the MD5" if out["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"' else out["ETag"]
    return out["Body"].read(), etag, out["ContentType"], ", ".join(f"{k}={v}" for k, v in out["Metadata"].items())


@behaviour("s3/the AWS CLI copies there and back", "hello")
def _(world):
    name = bucket(world)
    with tempfile.TemporaryDirectory() as folder:
        there, back = pathlib.Path(folder, "there"), pathlib.Path(folder, "back")
        there.write_text("hello")
        aws("s3", "cp", str(there), f"s3://{name}/key")
        problem = aws("s3", "cp", f"s3://{name}/key", str(back))
        return back.read_text() if back.exists() else problem


@behaviour("s3/keys are listed in order, folders by the delimiter", "a/1 a/2 b, then b and a/")
def _(world):
    name = bucket(world)
    put(world, name, "b", "a/2", "a/1")
    flat = world.s3.list_objects_v2(Bucket=name)
    folders = world.s3.list_objects_v2(Bucket=name, Delimiter="/")
    top = " ".join(o["Key"] for o in folders["Contents"])
    return f"{' '.join(o['Key'] for o in flat['Contents'])}, then {top} and {' '.join(p['Prefix'] for p in folders['CommonPrefixes'])}"


@behaviour("s3/a listing comes in pages", "a b truncated, c")
def _(world):
    name = bucket(world)
    put(world, name, "a", "b", "c")
    first = world.s3.list_objects_v2(Bucket=name, MaxKeys=2)
    second = world.s3.list_objects_v2(Bucket=name, ContinuationToken=first["NextContinuationToken"])
    return [" ".join(o["Key"] for o in page["Contents"]) + (" truncated" if page["IsTruncated"] else "") for page in (first, second)]


@behaviour("s3/put if there is none: the first, the second", "ok, PreconditionFailed")
def _(world):
    name = bucket(world)
    return [refusal(put, world, name, "key", IfNoneMatch="*") for _ in range(2)]


@behaviour("s3/put if it is still the same: another's ETag, its own", "PreconditionFailed, ok")
def _(world):
    name = bucket(world)
    etag = put(world, name, "key")[0]["ETag"]
    other = f'"{hashlib.md5(b"other").hexdigest()}"'
    return [refusal(put, world, name, "key", body=b"new", IfMatch=e) for e in (other, etag)]


@behaviour("s3/get if it is another: 304 when it is the same", "304")
def _(world):
    name = bucket(world)
    etag = put(world, name, "key")[0]["ETag"]
    return refusal(world.s3.get_object, Bucket=name, Key="key", IfNoneMatch=etag)


@behaviour("s3/a range, its end, and one behind the end", "ell bytes 1-3/5, lo bytes 3-4/5, InvalidRange")
def _(world):
    name = bucket(world)
    put(world, name, "key")
    parts = [world.s3.get_object(Bucket=name, Key="key", Range=r) for r in ("bytes=1-3", "bytes=-2")]
    return *(f"{p['Body'].read().decode()} {p['ContentRange']}" for p in parts), refusal(world.s3.get_object, Bucket=name, Key="key", Range="bytes=9-")


@behaviour("s3/what is not there: get, head, delete, a bucket", "NoSuchKey, 404, ok, NoSuchBucket")
def _(world):
    name = bucket(world)
    calls = world.s3.get_object, world.s3.head_object, world.s3.delete_object
    return *(refusal(call, Bucket=name, Key="nobodys") for call in calls), refusal(world.s3.get_object, Bucket="nobodys-bucket", Key="k")


@behaviour("s3/versions: the newest is got, deleting hides, the old stays", "new, NoSuchKey, old, 2 versions, 1 marker")
def _(world):
    name = bucket(world)
    world.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    old = put(world, name, "key", body=b"old")[0]["VersionId"]
    put(world, name, "key", body=b"new")
    newest = world.s3.get_object(Bucket=name, Key="key")["Body"].read()
    world.s3.delete_object(Bucket=name, Key="key")
    hidden = refusal(world.s3.get_object, Bucket=name, Key="key")
    kept = world.s3.get_object(Bucket=name, Key="key", VersionId=old)["Body"].read()
    listed = world.s3.list_object_versions(Bucket=name)
    return newest, hidden, kept, f"{len(listed['Versions'])} versions", f"{len(listed['DeleteMarkers'])} marker"


@behaviour("s3/several are deleted at once, those that are not there too", "a nobodys, 0 errors")
def _(world):
    name = bucket(world)
    put(world, name, "a")
    out = world.s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a"}, {"Key": "nobodys"}]})
    return " ".join(sorted(d["Key"] for d in out["Deleted"])), f"{len(out.get('Errors', []))} errors"


@behaviour("s3/a bucket that is not empty", "BucketNotEmpty")
def _(world):
    name = bucket(world)
    put(world, name, "key")
    return refusal(world.s3.delete_bucket, Bucket=name)


@behaviour("s3/an upload in parts, and one with a small part before the last", "5242881 bytes, ETag of 2 parts, EntityTooSmall")
def _(world):
    name = bucket(world)

    def upload(*bodies):
        key = {"Bucket": name, "Key": "key"}
        upload_id = world.s3.create_multipart_upload(**key)["UploadId"]
        parts = []
        for i, body in enumerate(bodies, 1):
            etag = world.s3.upload_part(**key, UploadId=upload_id, PartNumber=i, Body=body)["ETag"]
            parts.append({"PartNumber": i, "ETag": etag})
        return world.s3.complete_multipart_upload(**key, UploadId=upload_id, MultipartUpload={"Parts": parts})

    etag = upload(b"x" * (5 << 20), b"y")["ETag"].strip('"')
    size = world.s3.head_object(Bucket=name, Key="key")["ContentLength"]
    return f"{size} bytes", f"ETag of {etag.rpartition('-')[2]} parts", refusal(upload, b"x", b"y")


@behaviour("s3/an object is copied with its metadata", "hello, fleet=west")
def _(world):
    name = bucket(world)
    put(world, name, "from", Metadata={"fleet": "west"})
    world.s3.copy_object(Bucket=name, Key="to", CopySource={"Bucket": name, "Key": "from"})
    out = world.s3.get_object(Bucket=name, Key="to")
    return out["Body"].read(), ", ".join(f"{k}={v}" for k, v in out["Metadata"].items())
