CREATE TABLE tenant.mails (
    tenant_id uuid NOT NULL REFERENCES tenant.organizations,
    mail_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, mail_id),
    FOREIGN KEY (tenant_id, invitation_id) REFERENCES tenant.invitations
);
COMMENT ON TABLE tenant.mails IS
    'E-mails still to be sent, written in the transaction that wants them and deleted when the mail server took them.';
CREATE INDEX mails_by_due ON tenant.mails (due_at);
SELECT core.protect_tenant_table('tenant.mails', 'INSERT');
SELECT core.allow_system('tenant.mails', 'SELECT, UPDATE, DELETE');
