"""From images and texts to embeddings: models of many libraries, one meaning of a layer, one folder of results.

An `Encoder` prepares items and runs a model on batches of them; a source makes one of a name (`sources.SOURCES`).
`extract` runs it over `Images`, in order, and writes rows as they come (`folder`), or keeps them in memory.
"""
