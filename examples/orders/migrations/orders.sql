CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO veza_app;

CREATE TABLE shop.orders (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    cents bigint NOT NULL CHECK (cents >= 0),
    created_at timestamptz NOT NULL,
    packed_at timestamptz,
    PRIMARY KEY (tenant_id, order_id)
);
COMMENT ON TABLE shop.orders IS 'What a customer of the tenant ordered.';

-- Row-level security, forced, for the tenant of the transaction: this line is the whole isolation.
SELECT core.protect_tenant_table('shop.orders', 'SELECT, INSERT, UPDATE');
