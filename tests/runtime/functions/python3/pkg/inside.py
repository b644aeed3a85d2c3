def handler(event, _context):
    return ["inside", event]
