-- What is retained stays, whatever SQL somebody runs as veza_app: the program's own checks come first and have the
-- better words, these come last. They go by PostgreSQL's clock, which no transaction can set. In compliance mode
-- there is no way around them. Governance mode and legal holds give way to a transaction that says
-- veza.retention_bypass, which the program says for those with the permission storage.retention.manage.

CREATE FUNCTION storage.may_bypass_retention() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(current_setting('veza.retention_bypass', true), '') = 'on'
$$;
COMMENT ON FUNCTION storage.may_bypass_retention IS
    'Whether this transaction said that it acts for somebody who may end governance and legal holds.';

CREATE FUNCTION storage.guard_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retained CONSTANT boolean := coalesce(OLD.retain_until > clock_timestamp(), false);
    forever CONSTANT boolean := retained AND OLD.retention_mode = 'compliance';
    excused CONSTANT boolean := storage.may_bypass_retention();
    locked CONSTANT boolean := OLD.legal_hold OR forever OR (retained AND NOT excused);
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- A deleted version was free to go when it was deleted.
        IF locked AND OLD.deleted_at IS NULL THEN
            RAISE EXCEPTION 'version % is retained', OLD.version_id USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF locked AND OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
        RAISE EXCEPTION 'version % is retained', OLD.version_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF retained AND coalesce(NEW.retain_until < OLD.retain_until, true) AND (forever OR NOT excused) THEN
        RAISE EXCEPTION 'the retention of version % is not shortened', OLD.version_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF forever AND NEW.retention_mode IS DISTINCT FROM 'compliance' THEN
        RAISE EXCEPTION 'the retention of version % stays as it is', OLD.version_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.legal_hold AND NOT NEW.legal_hold AND NOT excused THEN
        RAISE EXCEPTION 'version % is under legal hold', OLD.version_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION storage.guard_version IS 'Keeps retained versions from being deleted, and their retention from being shortened.';
CREATE TRIGGER guard_deleted BEFORE DELETE ON storage.versions FOR EACH ROW
    WHEN (OLD.retain_until IS NOT NULL OR OLD.legal_hold) EXECUTE FUNCTION storage.guard_version();
CREATE TRIGGER guard_changed BEFORE UPDATE ON storage.versions FOR EACH ROW
    WHEN (OLD.retain_until IS NOT NULL OR OLD.legal_hold) EXECUTE FUNCTION storage.guard_version();

-- Whether somebody may not yet remove what a version shows. A version that is deleted shows nothing.
CREATE FUNCTION storage.is_locked(v storage.versions) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.deleted_at IS NULL AND (v.legal_hold OR coalesce(v.retain_until > clock_timestamp(), false))
$$;
COMMENT ON FUNCTION storage.is_locked IS 'Whether a version is under legal hold or retained by the clock of PostgreSQL.';

CREATE FUNCTION storage.guard_content() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM storage.versions AS v
               WHERE v.tenant_id = OLD.tenant_id AND v.content_id = OLD.content_id AND storage.is_locked(v)) THEN
        RAISE EXCEPTION 'a retained version shows content %', OLD.content_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
COMMENT ON FUNCTION storage.guard_content IS 'Keeps what retained versions show from being removed or changed.';
CREATE TRIGGER guard_state BEFORE UPDATE ON storage.contents FOR EACH ROW
    WHEN (OLD.state = 'live' AND (NEW.state <> 'live' OR NEW.size <> OLD.size OR NEW.etag IS DISTINCT FROM OLD.etag
                                  OR NEW.backend <> OLD.backend OR NEW.key_id IS NULL AND OLD.key_id IS NOT NULL))
    EXECUTE FUNCTION storage.guard_content();
CREATE TRIGGER guard_live BEFORE UPDATE ON storage.blobs FOR EACH ROW
    WHEN (OLD.state = 'live') EXECUTE FUNCTION storage.guard_content();
CREATE TRIGGER guard_deleted BEFORE DELETE ON storage.blobs FOR EACH ROW
    WHEN (OLD.state = 'live') EXECUTE FUNCTION storage.guard_content();

-- A key that is dropped takes what it wrapped with it.
CREATE FUNCTION storage.guard_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM storage.contents AS c JOIN storage.versions AS v USING (tenant_id, content_id)
               WHERE c.tenant_id = OLD.tenant_id AND c.key_id = OLD.key_id AND storage.is_locked(v)) THEN
        RAISE EXCEPTION 'key % wraps what is retained', OLD.key_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION storage.guard_key IS 'Keeps the keys of retained versions from being dropped.';
CREATE TRIGGER guard_dropped BEFORE UPDATE ON storage.tenant_keys FOR EACH ROW
    WHEN (OLD.wrapped IS NOT NULL AND NEW.wrapped IS NULL) EXECUTE FUNCTION storage.guard_key();

REVOKE ALL ON FUNCTION storage.may_bypass_retention, storage.guard_version, storage.is_locked, storage.guard_content,
    storage.guard_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION storage.may_bypass_retention, storage.is_locked TO veza_app, veza_system;
