// The todo API of the Backstage tutorial on the libraries that a Backstage backend uses, without Backstage:
// `node server.js <port> <database file>`. LOG_LEVEL, `info` by default, is the least that is logged.
import express, { Router } from 'express';
import knexFactory from 'knex';
import { v7 as uuid } from 'uuid';

/** Most items of a list, for who does not say how many. */
const ITEMS = 10_000;
/** Most items that a client may ask for. */
const LIMIT = 1000;
/** The longest text, in characters. */
const TEXT_LIMIT = 1024;

const levels = ['debug', 'info', 'warn', 'error'];
const least = levels.indexOf(process.env.LOG_LEVEL ?? 'info');
const logger = Object.fromEntries(
  levels.map((level, n) => [level, n < least ? () => {} : message => console[level](message)]),
);

class TodoDatabase {
  constructor(db) {
    this.db = db;
  }

  static async create(db) {
    if (!(await db.schema.hasTable('todos'))) {
      await db.schema.createTable('todos', table => {
        table.increments('seq');
        table.text('id').notNullable().unique();
        table.text('title').notNullable();
        table.text('entity_ref').nullable();
        table.text('created_at').notNullable();
        table.integer('completed').notNullable().defaultTo(0);
        table.index(['created_at', 'seq'], 'todos_newest');
        table.index(['entity_ref', 'created_at', 'seq'], 'todos_newest_of_entity');
      });
    }
    return new TodoDatabase(db);
  }

  rowToItem(row) {
    return {
      id: row.id,
      title: row.title,
      entityRef: row.entity_ref ?? undefined,
      createdAt: row.created_at,
      completed: row.completed === 1,
    };
  }

  async getAll(entityRef, limit) {
    let query = this.db('todos').orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'seq', order: 'desc' },
    ]);
    if (entityRef) {
      query = query.where('entity_ref', entityRef);
    }
    const rows = await query.limit(limit);
    return rows.map(row => this.rowToItem(row));
  }

  async getById(id) {
    const row = await this.db('todos').where('id', id).first();
    return row ? this.rowToItem(row) : undefined;
  }

  async create(input) {
    const row = {
      id: uuid(),
      title: input.title,
      entity_ref: input.entityRef || null,
      created_at: new Date().toISOString(),
      completed: 0,
    };
    await this.db('todos').insert(row);
    return this.rowToItem(row);
  }
}

// Express 4 does not see that an async handler failed: without this the request would hang.
const answered = handler => (req, res, next) => handler(req, res).catch(next);

const badText = text =>
  text !== undefined &&
  text !== null &&
  (typeof text !== 'string' || text.length > TEXT_LIMIT || text.includes('\0'));

function createRouter(database) {
  const router = Router();
  router.use(express.json());

  router.get('/todos', answered(async (req, res) => {
    const { entityRef, limit } = req.query;
    if (entityRef !== undefined && typeof entityRef !== 'string') {
      res.status(400).json({ error: 'entityRef must be given once' });
      return;
    }
    if (limit !== undefined && !(/^\d+$/.test(limit) && limit >= 1 && limit <= LIMIT)) {
      res.status(400).json({ error: `limit must be a number from 1 to ${LIMIT}` });
      return;
    }
    logger.debug(`Fetching todos${entityRef ? ` for ${entityRef}` : ''}`);
    res.json(await database.getAll(entityRef, limit === undefined ? ITEMS : Number(limit)));
  }));

  router.get('/todos/:id', answered(async (req, res) => {
    const todo = await database.getById(req.params.id);
    if (!todo) {
      res.status(404).json({ error: 'Todo not found' });
      return;
    }
    res.json(todo);
  }));

  router.post('/todos', answered(async (req, res) => {
    const { title, entityRef } = req.body;
    if (badText(title) || badText(entityRef)) {
      res.status(400).json({ error: `title and entityRef must be texts of at most ${TEXT_LIMIT} characters` });
      return;
    }
    if (!title?.trim()) {
      res.status(400).json({ error: 'title is required' });
      return;
    }
    logger.info(`Creating todo: "${title}"${entityRef ? ` for ${entityRef}` : ''}`);
    const todo = await database.create({ title, entityRef });
    res.status(201).location(`/api/todo/todos/${todo.id}`).json(todo);
  }));

  return router;
}

async function main(port, file) {
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename: file },
    useNullAsDefault: true,
    pool: {
      afterCreate(connection, done) {
        connection.pragma('journal_mode = WAL');
        connection.pragma('synchronous = FULL');
        connection.pragma('foreign_keys = ON');
        done(null, connection);
      },
    },
  });
  const database = await TodoDatabase.create(knex);

  const app = express();
  app.disable('x-powered-by');
  app.get('/api/hello/', (_req, res) => res.type('text/plain').send('hello'));
  app.use('/api/todo', createRouter(database));
  app.use((_req, res) => res.status(404).json({ error: 'Not found' }));
  // Four parameters: that is how Express knows an error handler.
  app.use((error, _req, res, _next) => {
    const status = error.status ?? 500;
    if (status >= 500) {
      logger.error(error);
    }
    res.status(status).json({ error: status < 500 ? error.message : 'Internal server error' });
  });

  const server = app.listen(port, '127.0.0.1');
  process.once('SIGTERM', () => {
    server.close(() => knex.destroy());
  });
}

const [port, file] = process.argv.slice(2);
if (/^\d+$/.test(port ?? '') && file) {
  await main(Number(port), file);
} else {
  console.error('usage: node server.js <port> <database file>');
  process.exitCode = 64;
}
