CREATE SCHEMA tenant;
GRANT USAGE ON SCHEMA tenant TO veza_app, veza_system;

CREATE TABLE tenant.organizations (
    tenant_id uuid PRIMARY KEY,
    slug text NOT NULL CONSTRAINT organizations_slug_unique UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted')),
    state_reason text CHECK (char_length(state_reason) <= 500),
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    requests_per_minute integer CHECK (requests_per_minute BETWEEN 1 AND 10000000),
    max_members integer CHECK (max_members BETWEEN 1 AND 10000000),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
COMMENT ON TABLE tenant.organizations IS
    'A tenant. Limits that are null take the deployment''s defaults.';
SELECT core.protect_tenant_table('tenant.organizations', '');
GRANT SELECT, UPDATE (name, metadata, settings, version, updated_at) ON tenant.organizations TO veza_app;
SELECT core.allow_system('tenant.organizations', 'SELECT, INSERT, UPDATE');

CREATE TABLE tenant.people (
    person_id uuid PRIMARY KEY,
    email text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
    email_key text NOT NULL CONSTRAINT people_email_unique UNIQUE,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    verified_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE tenant.people IS
    'A human being, known by one e-mail address in the whole deployment; email_key is the address in the form that is '
    'compared. Until verified_at somebody has merely claimed it; an accepted invitation proves it.';

CREATE TABLE tenant.passwords (
    person_id uuid PRIMARY KEY REFERENCES tenant.people,
    hash text NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE tenant.passwords IS 'Password hashes (argon2id, PHC strings). Only veza_system can read them.';
SELECT core.allow_system('tenant.passwords', 'SELECT, INSERT, UPDATE');

CREATE TABLE tenant.roles (
    tenant_id uuid NOT NULL REFERENCES tenant.organizations,
    role_id uuid NOT NULL,
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    permissions text[] NOT NULL,
    builtin boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, role_id),
    CONSTRAINT roles_name_unique UNIQUE (tenant_id, name)
);
COMMENT ON TABLE tenant.roles IS 'A named set of permissions within an organisation; built-in roles cannot be changed.';
SELECT core.protect_tenant_table('tenant.roles', 'SELECT, INSERT, DELETE, UPDATE (name, permissions, version, updated_at)');
-- UPDATE of one column is what locking a row takes.
SELECT core.allow_system('tenant.roles', 'SELECT, INSERT, UPDATE (updated_at)');

CREATE TABLE tenant.memberships (
    tenant_id uuid NOT NULL REFERENCES tenant.organizations,
    person_id uuid NOT NULL REFERENCES tenant.people,
    role_id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, person_id),
    CONSTRAINT memberships_role_exists FOREIGN KEY (tenant_id, role_id) REFERENCES tenant.roles
);
COMMENT ON TABLE tenant.memberships IS 'A person belongs to an organisation, with one role.';
CREATE INDEX memberships_by_role ON tenant.memberships (tenant_id, role_id);
CREATE INDEX memberships_by_person ON tenant.memberships (person_id);
SELECT core.protect_tenant_table('tenant.memberships', 'SELECT, DELETE, UPDATE (role_id, version, updated_at)');
SELECT core.allow_system('tenant.memberships', 'SELECT, INSERT, UPDATE (updated_at)');

-- People have no tenant: an organisation sees those who belong to it.
ALTER TABLE tenant.people ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant.people FORCE ROW LEVEL SECURITY;
CREATE POLICY members ON tenant.people FOR SELECT TO veza_app USING (
    EXISTS (
        SELECT FROM tenant.memberships AS m
        WHERE m.tenant_id = (SELECT current_setting('veza.tenant_id')::uuid)
          AND m.person_id = people.person_id
    )
);
GRANT SELECT ON tenant.people TO veza_app;
SELECT core.allow_system('tenant.people', 'SELECT, INSERT, UPDATE');

CREATE TABLE tenant.invitations (
    tenant_id uuid NOT NULL REFERENCES tenant.organizations,
    invitation_id uuid NOT NULL,
    email text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
    email_key text NOT NULL,
    role_id uuid,
    role_name text NOT NULL,
    invited_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, invitation_id),
    CONSTRAINT invitations_role_exists FOREIGN KEY (tenant_id, role_id) REFERENCES tenant.roles
);
COMMENT ON TABLE tenant.invitations IS
    'An address was asked to join. The link is signed, not stored; it works once, for this address, until it expires. '
    'A closed one keeps the name of its role, which may be gone.';
CREATE UNIQUE INDEX invitations_open_unique ON tenant.invitations (tenant_id, email_key)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
SELECT core.protect_tenant_table('tenant.invitations', 'SELECT, INSERT, UPDATE (role_id, revoked_at)');
SELECT core.allow_system('tenant.invitations', 'SELECT, UPDATE');
