'use strict'
// The peer: Fastify with `pg`, reading the same rows under the same row-level security.
//
//   ROUND_TRIPS=4   BEGIN, set_config, SELECT, COMMIT: one query each, as it is usually written
//   ROUND_TRIPS=3   BEGIN and the setting in one query
//   GUARD=1         access tokens (EdDSA) and a rate limit per tenant; without it the tenant is
//                   believed to be what a header says
//   LOG=1           an access line per request

const cluster = require('node:cluster')

const { PORT, PROCESSES, POOL, PGHOST, ROUND_TRIPS, GUARD, LOG, JWKS, ISSUER } = process.env

async function serve () {
  const fastify = require('fastify')({ logger: LOG === '1' })
  const { Pool } = require('pg')
  const pool = new Pool({ host: PGHOST, database: 'veza', user: 'veza_app', max: Number(POOL) })
  pool.on('connect', (client) => client.query("SET TimeZone = 'UTC'"))

  const tenantOf = GUARD === '1' ? await guard(fastify) : (request) => request.headers['x-tenant-id']
  const begin = ROUND_TRIPS === '3' ? beginAtOnce : beginByStep

  async function read (tenant, statement) {
    const client = await pool.connect()
    let broken
    try {
      await begin(client, tenant)
      const { rows } = await client.query(statement)
      await client.query('COMMIT')
      return rows
    } catch (error) {
      broken = error
      throw error
    } finally {
      client.release(broken)
    }
  }

  fastify.get('/v1/bench/items/:id', {
    schema: { params: { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } }, response: { 200: item } }
  }, async (request, reply) => {
    const rows = await read(tenantOf(request), { name: 'item', text: ITEM, values: [request.params.id] })
    return rows.length > 0 ? rows[0] : reply.code(404).send({ code: 'not_found' })
  })

  fastify.get('/v1/bench/items', {
    schema: { response: { 200: { type: 'object', properties: { items: { type: 'array', items: item } } } } }
  }, async (request) => ({ items: await read(tenantOf(request), { name: 'items', text: ITEMS, values: [50] }) }))

  await fastify.listen({ port: Number(PORT), host: '127.0.0.1' })
}

const COLUMNS = 'SELECT "id", "created_at", "name", "body" FROM "bench"."items"'
const ITEM = `${COLUMNS} WHERE "id" = $1`
const ITEMS = `${COLUMNS} ORDER BY "created_at" DESC, "id" DESC LIMIT $1`

const item = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    created_at: { type: 'string', format: 'date-time' },
    name: { type: 'string' },
    body: { type: 'string' }
  }
}

async function beginByStep (client, tenant) {
  await client.query('BEGIN')
  await client.query({ name: 'tenant', text: "SELECT set_config('veza.tenant_id', $1, true)", values: [tenant] })
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function beginAtOnce (client, tenant) {
  if (!UUID.test(tenant)) throw new Error('not a tenant')
  await client.query(`BEGIN READ ONLY; SET LOCAL veza.tenant_id = '${tenant}'`)
}

async function guard (fastify) {
  const key = require('node:crypto').createPublicKey({ key: JSON.parse(JWKS).keys[0], format: 'jwk' })
  await fastify.register(require('@fastify/jwt'), {
    secret: { public: key.export({ type: 'spki', format: 'pem' }) },
    // `cache`: a token that was verified before costs a hash and a look, as with Veza.
    verify: { algorithms: ['EdDSA'], allowedIss: ISSUER, allowedAud: 'veza', cache: true }
  })
  fastify.addHook('onRequest', (request) => request.jwtVerify())
  await fastify.register(require('@fastify/rate-limit'), {
    hook: 'preHandler', max: 10_000_000, timeWindow: '1 minute', keyGenerator: (request) => request.user.tid
  })
  return (request) => request.user.tid
}

if (cluster.isPrimary) {
  for (let n = 0; n < Number(PROCESSES); n++) cluster.fork()
  cluster.on('exit', () => process.exit(1))
} else {
  serve().catch((error) => {
    console.error(error)
    process.exit(1)
  })
}
