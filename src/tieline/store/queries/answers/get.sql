select answer from llm_answer where org_id = %(org_id)s and key = %(key)s
