-- The two roles, and the database: run once by a superuser, and again without harm.
--
--   psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
--
-- greenroom_owner owns the tables and migrates (`greenroom migrate`); no process runs as it. greenroom_app is the role of
-- every process: what it may do with each table is granted by the migrations (greenroom/rights.py); it cannot change a
-- table, a trigger or a function, and `released` it can write only through the owner's function greenroom_vouch.
--
-- Passwords come from files, so that they stand in no command line and in no log:
--   GREENROOM_OWNER_PASSWORD_FILE, GREENROOM_APP_PASSWORD_FILE (environment of psql); without one none is set.
-- Another database than `greenroom`: psql -v database=NAME.
\set ON_ERROR_STOP on
\if :{?database}
\else
\set database greenroom
\endif

SELECT 'CREATE ROLE greenroom_owner LOGIN' WHERE to_regrole('greenroom_owner') IS NULL \gexec
SELECT 'CREATE ROLE greenroom_app LOGIN' WHERE to_regrole('greenroom_app') IS NULL \gexec
ALTER ROLE greenroom_owner NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
ALTER ROLE greenroom_app NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;

\set owner_password `cat "${GREENROOM_OWNER_PASSWORD_FILE:-/dev/null}"`
\set app_password `cat "${GREENROOM_APP_PASSWORD_FILE:-/dev/null}"`
SET log_statement = 'none';
SELECT format('ALTER ROLE greenroom_owner PASSWORD %L', :'owner_password') WHERE :'owner_password' <> '' \gexec
SELECT format('ALTER ROLE greenroom_app PASSWORD %L', :'app_password') WHERE :'app_password' <> '' \gexec
RESET log_statement;

SELECT format('CREATE DATABASE %I OWNER greenroom_owner TEMPLATE template0 ENCODING ''UTF8''', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

\connect :"database"
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO greenroom_app;
ALTER SCHEMA public OWNER TO greenroom_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO greenroom_app;
-- Nothing of what the owner makes later is for everybody.
ALTER DEFAULT PRIVILEGES FOR ROLE greenroom_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
