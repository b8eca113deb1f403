select pg_advisory_xact_lock(
    hashtextextended(json_build_array('conversation', %(org_id)s::text, %(platform)s::text, %(conversation_id)s::text)::text, 0)
)
