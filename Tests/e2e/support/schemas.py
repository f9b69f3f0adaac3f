"""Values held against the hub's documents."""
from jsonschema import Draft202012Validator


def strict(schema):
    """The same schema, which allows no members but those that are named: documents let clients expect more, the hub has none."""
    if isinstance(schema, list):
        return [strict(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: strict(value) for name, value in schema.items()}
    if result.get("properties") and result.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


def with_examples(value):
    """All schemas in a document that have examples."""
    if isinstance(value, dict):
        if isinstance(value.get("examples"), list):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from with_examples(element)


def validate(value, schema, document):
    """Raises if the value does not fit; the schema may refer to the document's components."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)
