CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO veza_app;

CREATE TABLE bench.items (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    name text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX items_newest ON bench.items (tenant_id, created_at DESC, id DESC);

-- The same without protection, to measure what protection costs.
CREATE TABLE bench.open_items (LIKE bench.items INCLUDING ALL);
GRANT SELECT ON bench.open_items TO veza_app;

SELECT core.protect_tenant_table('bench.items');
