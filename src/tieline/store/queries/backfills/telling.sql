(c.analysis ?| %(names)s::text[] or %(memory)s and (c.transcript ~ '\S' or c.summary ~ '\S'))
