"""What a worker answers over HTTP: balances, explanations, events that are brought, and pages for operators (docs/http.md)."""
